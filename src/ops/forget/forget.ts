/**
 * `forget`: drops snapshots from the live ones, by a policy or by id. Nothing is deleted: until a prune they can be had
 * back. What goes is decided on the log right before the entry, so those who forget at once cannot together take what
 * each of them alone would have left.
 */
import type { LogPayload } from '../../log/payloads.ts'
import { hasCode, SnapError } from '../../model/errors.ts'
import type { SnapshotId } from '../../model/ids.ts'
import type { Repository } from '../../repository/repository.ts'
import { appendAsAdmin, requireAdmin } from '../admin-entry.ts'
import { byIds, type CurrentSnapshot, nameOf, snapshotsReader } from '../current-snapshots.ts'
import { walFactsOf } from '../wal/facts.ts'
import { firstNeeded, isNeeded } from '../wal/needed.ts'
import { type ForgetPlan, type ForgetRequest, planForget, removedBy } from './plan-forget.ts'
import { isEmptyPolicy } from './policy.ts'
import { trustedClock } from './trusted-clock.ts'

const WHAT = 'forget snapshots'

export type ForgetOptions = {
  /** Write nothing. */
  readonly dryRun: boolean
}

/**
 * Returns the plan that was carried out, or with `dryRun` would be. `USAGE` for a policy that says nothing, and an unknown
 * time zone. `KEY_WRONG` for all but admins.
 */
export async function forgetByPolicy(
  repository: Repository,
  request: ForgetRequest,
  { dryRun }: ForgetOptions,
): Promise<ForgetPlan> {
  refuseEmpty(request)
  requireAdmin(repository, WHAT)
  const snapshotsOf = await snapshotsReader(repository)
  const planNow = (): ForgetPlan => {
    const nowMs = repository.clock.now()
    const time = { nowMs, trusted: trustedClock(repository, nowMs) }
    return planForget(snapshotsOf(repository.log.state), request, time)
  }
  if (dryRun) return planNow()
  let plan: ForgetPlan = { groups: [], leftAlone: [], wal: [] }
  await appendForget(repository, () => {
    plan = planNow()
    const removed = removedBy(plan)
    return removed.length === 0 ? undefined : { kind: 'forget', snapshots: removed.map(({ id }) => id) }
  })
  return plan
}

/** On a full disk from the reserve: forgetting is how room is made. */
async function appendForget(repository: Repository, draft: () => LogPayload | undefined): Promise<void> {
  try {
    await appendAsAdmin(repository, WHAT, draft)
  } catch (error) {
    if (!hasCode(error, 'REPOSITORY_FULL')) throw error
    await repository.storage.releaseReserve()
    await appendAsAdmin(repository, WHAT, draft)
    // What is left of it, for the prune.
    await repository.storage.secureReserve()
  }
}

function refuseEmpty({ policy }: ForgetRequest): void {
  if (!isEmptyPolicy(policy)) return
  throw new SnapError('USAGE', 'the policy does not say what to keep', {
    hint: 'Give at least one rule with --keep-..., or --max-count. A count of 0 is no rule.',
  })
}

export type ForgetIdsOptions = ForgetOptions & {
  /** Also the last complete snapshot of a series. */
  readonly evenLast: boolean
  /** Also archived WAL without which a base backup does not come further. */
  readonly evenNeeded?: boolean
}

/**
 * Returns those that were not forgotten already; for none nothing is written. All or nothing: `SNAPSHOT_KEPT` where one is
 * held, is archived WAL that a base backup needs which stays and not `evenNeeded`, or where no complete snapshot of its series (no snapshot, where none is complete) would be left and not
 * `evenLast`; `SNAPSHOT_UNKNOWN` where one is not there. `KEY_WRONG` for all but admins.
 */
export async function forgetByIds(
  repository: Repository,
  ids: readonly SnapshotId[],
  { dryRun, evenLast, evenNeeded = false }: ForgetIdsOptions,
): Promise<readonly CurrentSnapshot[]> {
  requireAdmin(repository, WHAT)
  const snapshotsOf = await snapshotsReader(repository)
  const chooseNow = (): CurrentSnapshot[] => {
    const all = snapshotsOf(repository.log.state)
    const chosen = byIds(all, ids).filter(({ forgotten }) => !forgotten)
    refuseHeld(chosen)
    if (!evenNeeded) refuseNeeded(all, chosen)
    if (!evenLast) refuseLast(all, chosen)
    return chosen
  }
  if (dryRun) return chooseNow()
  let chosen: readonly CurrentSnapshot[] = []
  await appendForget(repository, () => {
    chosen = chooseNow()
    return chosen.length === 0 ? undefined : { kind: 'forget', snapshots: chosen.map(({ id }) => id) }
  })
  return chosen
}

function refuseHeld(chosen: readonly CurrentSnapshot[]): void {
  const held = chosen.find((snapshot) => snapshot.held)
  if (held === undefined) return
  throw new SnapError('SNAPSHOT_KEPT', `snapshot ${nameOf(held)} is held`, {
    hint: `\`snap unhold ${held.id.slice(0, 8)}\` lets go of it.`,
  })
}

function refuseNeeded(all: readonly CurrentSnapshot[], chosen: readonly CurrentSnapshot[]): void {
  const gone = new Set(chosen.map(({ id }) => id))
  const first = firstNeeded(all.filter(({ id, forgotten }) => !forgotten && !gone.has(id)))
  const needed = chosen.find(({ sources }) => {
    const facts = walFactsOf(sources)
    return facts !== undefined && isNeeded(facts, first)
  })
  if (needed === undefined) return
  throw new SnapError('SNAPSHOT_KEPT', `a base backup needs the WAL in snapshot ${nameOf(needed)}`, {
    hint: 'Nothing was forgotten. It goes by itself when retention has taken the base backup; to leave a gap in the WAL, say --even-needed.',
  })
}

function refuseLast(all: readonly CurrentSnapshot[], chosen: readonly CurrentSnapshot[]): void {
  const gone = new Set(chosen.map(({ id }) => id))
  for (const series of new Set(chosen.map((snapshot) => snapshot.series))) {
    const live = all.filter((snapshot) => snapshot.series === series && !snapshot.forgotten)
    const complete = live.filter(({ incomplete }) => !incomplete)
    const needed = complete.length > 0 ? complete : live
    const last = needed.at(-1)
    if (last === undefined || needed.some(({ id }) => !gone.has(id))) continue
    const what = complete.length > 0 ? 'complete snapshot' : 'snapshot'
    throw new SnapError('SNAPSHOT_KEPT', `no ${what} of its series would be left without ${nameOf(last)}`, {
      hint: 'Nothing was forgotten. Where the whole series may go, say --even-last.',
    })
  }
}
