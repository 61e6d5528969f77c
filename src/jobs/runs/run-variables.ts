/** What the daemon tells the processes that it starts of whose runs they are, in their environment. */
import { TRIGGERS, type Trigger } from '../state/run.ts'
import { RUN_ID } from './run-id.ts'

export type RunVariables = {
  readonly id: string | undefined
  readonly trigger: Trigger
  /** ms */
  readonly dueMs: number | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

const ID = 'SNAP_RUN_ID'
const TRIGGER = 'SNAP_RUN_TRIGGER'
const DUE = 'SNAP_RUN_DUE'

export function runEnvironment({ id, trigger, dueMs }: RunVariables): Environment {
  return { [ID]: id, [TRIGGER]: trigger, [DUE]: dueMs === undefined ? undefined : String(dueMs) }
}

/** They are about one run: what that starts would pass for the same, were it a run too. */
export const RUN_VARIABLES: readonly string[] = [ID, TRIGGER, DUE]

/** What is no such thing counts as not said. */
export function runVariables(env: Environment): RunVariables {
  const id = env[ID]
  const due = Number(env[DUE] ?? Number.NaN)
  return {
    id: id !== undefined && RUN_ID.test(id) ? id : undefined,
    trigger: TRIGGERS.find((known) => known === env[TRIGGER]) ?? 'hand',
    dueMs: Number.isSafeInteger(due) && due > 0 ? due : undefined,
  }
}
