/** What was seen of repositories, remembered by their places on this machine. */
import type { State } from '../state/state.ts'
import { factsIn, type RepositoryFacts, type VerifyFacts, verifyFactsIn } from './facts.ts'

export type Seen = {
  readonly facts: RepositoryFacts | undefined
  readonly verified: VerifyFacts | undefined
}

/** Machines may share a state directory, and mean different things by a path. */
export const placeName = (host: string, path: string): string => `${host}:${path}`
const factsName = (host: string, path: string): string => `facts ${placeName(host, path)}`
const verifiedName = (host: string, path: string): string => `verified ${placeName(host, path)}`

export function recallSeen(state: State, host: string, path: string): Seen {
  return {
    facts: factsIn(state.recall(factsName(host, path))),
    verified: verifyFactsIn(state.recall(verifiedName(host, path))),
  }
}

/** Of a repository that cannot be opened, what was seen before stays. */
export function rememberFacts(state: State, host: string, path: string, facts: RepositoryFacts): void {
  const { unreachable, size, at } = facts
  const before = unreachable === undefined ? {} : recallSeen(state, host, path).facts
  state.remember(factsName(host, path), { ...before, ...facts, unreachable })
  if (size !== undefined) state.sizes.note(placeName(host, path), at, size)
}

export function rememberVerified(state: State, host: string, path: string, verified: VerifyFacts): void {
  state.remember(verifiedName(host, path), verified)
}
