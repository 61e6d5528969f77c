/** Looks at repositories for a status, and remembers what is seen: whoever tells of them later need not open them. */
import { hostname } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { withoutSecrets } from '../base/without-secrets.ts'
import type { Config } from '../jobs/config/config.ts'
import type { State } from '../jobs/state/state.ts'
import type { RepositoryFacts } from '../jobs/status/facts.ts'
import { lookAt } from '../jobs/status/look-at.ts'
import { rememberFacts, rememberVerified } from '../jobs/status/memory.ts'
import { hasCode, messageOf, SnapError } from '../model/errors.ts'
import type { Repository } from '../repository/repository.ts'
import { contextFor } from './configuration.ts'
import type { CommandContext } from './context.ts'
import { stderrWarning } from './output/notes.ts'
import { openChosen, placeOf } from './repository.ts'
import { openState } from './state.ts'

/** Opens each repository of the configuration. One that cannot be opened is remembered as such. */
export async function lookAtAll(context: CommandContext, state: State, config: Config): Promise<void> {
  for (const repository of config.repositories.values()) {
    const facts = await seen(contextFor(context, repository), repository.path)
    state.guarded((open) => rememberFacts(open, hostname(), repository.path, facts))
  }
}

/** One that does not answer keeps nobody from being told of the others. ms */
const ANSWER_MS = 60_000

async function seen(context: CommandContext, path: string): Promise<RepositoryFacts> {
  const at = context.clock.now()
  const waiting = new AbortController()
  const late = wait(ANSWER_MS, { at, unreachable: 'it does not answer' }, { signal: waiting.signal })
  const over = new AbortController()
  const inTime = looked({ ...context, signal: AbortSignal.any([context.signal, over.signal]) }, path, at)
  try {
    return await Promise.race([late, inTime])
  } finally {
    late.catch(() => undefined)
    inTime.catch(() => undefined)
    waiting.abort()
    // What can be ended of it, as a command that should print the password, is not to keep this process alive.
    over.abort()
  }
}

async function looked(context: CommandContext, path: string, at: number): Promise<RepositoryFacts> {
  try {
    await using repository = await openChosen(context)
    return await lookAt(repository, path, at)
  } catch (error) {
    context.signal.throwIfAborted()
    if (!(error instanceof SnapError)) throw error
    return { at, unreachable: withoutSecrets(messageOf(error), context.secrets ?? []) }
  }
}

/** What is seen of a repository that is open. `STATE_FAILED` where it cannot be remembered. */
export async function rememberLook(
  context: CommandContext,
  state: State,
  repository: Repository,
): Promise<void> {
  const { path } = placeOf(context)
  const facts = await lookAt(repository, path, context.clock.now())
  state.guarded((open) => rememberFacts(open, hostname(), path, facts))
}

/** As `rememberLook`. That nothing can be remembered is a warning. */
export async function lookAtOpen(context: CommandContext, repository: Repository): Promise<void> {
  const { path } = placeOf(context)
  const facts = await lookAt(repository, path, context.clock.now())
  remembering(context, (state) => rememberFacts(state, hostname(), path, facts))
}

export function lookAtVerified(context: CommandContext, isGood: boolean): void {
  const verified = { at: context.clock.now(), isGood }
  remembering(context, (state) => rememberVerified(state, hostname(), placeOf(context).path, verified))
}

export function remembering(context: CommandContext, act: (state: State) => void): void {
  try {
    using state = openState(context)
    state.guarded(act)
  } catch (error) {
    if (!hasCode(error, 'STATE_FAILED')) throw error
    stderrWarning(context, error.message)
  }
}
