/** What a configuration runs by a name: jobs and drills, which have names of one kind, with their schedules and how snap is told to run each. */
import type { Config } from '../config/config.ts'
import type { RunKind } from '../state/run.ts'
import type { Schedule } from './schedule.ts'

export type Runnable = {
  readonly name: string
  readonly kind: RunKind
  /** The name of its repository. */
  readonly repository: string
  readonly schedule: Schedule | undefined
  /** Arguments of snap. */
  readonly command: readonly [string, ...string[]]
}

type Runnables = Pick<Config, 'jobs' | 'drills'>

/** Jobs first. */
export function runnablesOf({ jobs, drills }: Runnables): Runnable[] {
  return [
    ...[...jobs.values()].map(({ name, repository, schedule }): Runnable => {
      return {
        name,
        kind: 'backup',
        repository: repository.name,
        schedule,
        command: ['backup', '--job', name],
      }
    }),
    ...[...drills.values()].map(({ name, job, schedule }): Runnable => {
      return { name, kind: 'drill', repository: job.repository.name, schedule, command: ['drill', name] }
    }),
  ]
}

export const runnableOf = (config: Runnables, name: string): Runnable | undefined =>
  runnablesOf(config).find((each) => each.name === name)
