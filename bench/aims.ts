/** What is aimed at, as data: how a figure of ours should stand to another tool's of the same run. */
export interface Aim {
  readonly trial: string
  readonly step: string
  readonly of: 'seconds' | 'stored' | 'added'
  readonly against: string
  /** Of seconds: theirs by ours, at least. Of bytes: ours by theirs, at most. Against a floor: ours by the floor, at most. */
  readonly bound: number
}

const faster = (trial: string, step: string, against: string, bound: number): Aim => ({
  trial,
  step,
  of: 'seconds',
  against,
  bound,
})
const smaller = (
  trial: string,
  step: string,
  of: 'stored' | 'added',
  against: string,
  bound: number,
): Aim => ({
  trial,
  step,
  of,
  against,
  bound,
})

export const FLOOR = 'floor'

export const AIMS: readonly Aim[] = [
  faster('many-small', 'first backup', 'restic', 3),
  faster('many-small', 'first backup', 'borg', 4),
  faster('many-small', 'first backup', FLOOR, 1.15),
  faster('many-small', 'next version', 'restic', 3),
  faster('many-small', 'next version', 'borg', 6),
  faster('many-small', 'unchanged', 'restic', 5),
  faster('many-small', 'unchanged', 'borg', 10),
  faster('many-small', 'unchanged', FLOOR, 2),
  faster('one-big', 'first backup', 'restic', 2.5),
  faster('one-big', 'first backup', 'borg', 2.5),
  faster('incompressible', 'first backup', 'restic', 3),
  faster('incompressible', 'first backup', 'borg', 2.5),
  faster('many-small', 'restore to empty', 'restic', 5),
  faster('many-small', 'restore to empty', 'borg', 10),
  faster('many-small', 'restore to empty', FLOOR, 1.5),
  faster('many-small', 'verify all data', 'restic', 2.5),
  faster('many-small', 'verify all data', 'borg', 5),
  faster('many-small', 'forget and prune', 'restic', 2),
  faster('many-small', 'forget and prune', 'borg', 2),
  smaller('many-small', 'third version', 'stored', 'restic', 0.7),
  smaller('many-small', 'third version', 'stored', 'borg', 0.45),
  smaller('vm-edits', 'next version', 'added', 'restic', 0.1),
  smaller('vm-edits', 'next version', 'added', 'borg', 0.1),
  smaller('vm-edits', 'next version', 'added', FLOOR, 1.3),
  smaller('db-dump', 'next version', 'added', 'restic', 0.03),
  smaller('db-dump', 'next version', 'added', 'borg', 0.03),
  smaller('db-dump', 'next version', 'added', FLOOR, 1.3),
]
