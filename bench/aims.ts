/** What is aimed at, as data: how a figure of ours should stand to another tool's of the same run. */
export interface Aim {
  readonly trial: string
  readonly step: string
  readonly of: 'seconds' | 'stored' | 'added'
  readonly against: string
  /** Of seconds: theirs by ours, at least. Of bytes: ours by theirs, at most. Against a floor: ours by the floor, at most. */
  readonly bound: number
}

const aim = (trial: string, step: string, of: Aim['of'], against: string, bound: number): Aim => ({
  trial,
  step,
  of,
  against,
  bound,
})

export const FLOOR = 'floor'

export const AIMS: readonly Aim[] = [
  aim('many-small', 'first backup', 'seconds', 'restic', 3),
  aim('many-small', 'first backup', 'seconds', 'borg', 4),
  aim('many-small', 'first backup', 'seconds', FLOOR, 1.15),
  aim('many-small', 'next version', 'seconds', 'restic', 3),
  aim('many-small', 'next version', 'seconds', 'borg', 6),
  aim('many-small', 'unchanged', 'seconds', 'restic', 5),
  aim('many-small', 'unchanged', 'seconds', 'borg', 10),
  aim('many-small', 'unchanged', 'seconds', FLOOR, 2),
  aim('one-big', 'first backup', 'seconds', 'restic', 2.5),
  aim('one-big', 'first backup', 'seconds', 'borg', 2.5),
  aim('incompressible', 'first backup', 'seconds', 'restic', 3),
  aim('incompressible', 'first backup', 'seconds', 'borg', 2.5),
  aim('many-small', 'restore to empty', 'seconds', 'restic', 5),
  aim('many-small', 'restore to empty', 'seconds', 'borg', 10),
  aim('many-small', 'restore to empty', 'seconds', FLOOR, 1.5),
  aim('many-small', 'verify all data', 'seconds', 'restic', 2.5),
  aim('many-small', 'verify all data', 'seconds', 'borg', 5),
  aim('many-small', 'forget and prune', 'seconds', 'restic', 2),
  aim('many-small', 'forget and prune', 'seconds', 'borg', 2),
  aim('many-small', 'third version', 'stored', 'restic', 0.7),
  aim('many-small', 'third version', 'stored', 'borg', 0.45),
  aim('vm-edits', 'next version', 'added', 'restic', 0.1),
  aim('vm-edits', 'next version', 'added', 'borg', 0.1),
  aim('vm-edits', 'next version', 'added', FLOOR, 1.3),
  aim('db-dump', 'next version', 'added', 'restic', 0.03),
  aim('db-dump', 'next version', 'added', 'borg', 0.03),
  aim('db-dump', 'next version', 'added', FLOOR, 1.3),
]
