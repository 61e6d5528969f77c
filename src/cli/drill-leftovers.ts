/** Directories that runs of a drill have left on this machine: each is remembered until it has gone, and the next run removes it. */
import { isScratchOf, isThere, removeScratch } from '../jobs/drills/scratch.ts'
import type { State } from '../jobs/state/state.ts'
import { messageOf } from '../model/errors.ts'
import type { CommandContext } from './context.ts'
import { remembering } from './look.ts'
import { stderrNote, stderrWarning } from './output/notes.ts'

export type Leftovers = Disposable & {
  /** It is to stay until the next run. */
  keep(path: string): void
}

/**
 * Removes what earlier runs have left or kept; what cannot be removed is a warning, and is tried again by the next. `scratch`, of this run,
 * is remembered as long as it may be there. `key`: of the configuration.
 */
export function leftovers(context: CommandContext, key: string, drill: string, scratch: string): Leftovers {
  const left = `scratch ${key} ${drill}`
  const kept = `kept ${key} ${drill}`
  let isKept = false
  remembering(context, (state) => {
    const stays = [
      ...pathsIn(state, left).filter((path) => !removed(context, drill, path, 'left')),
      ...pathsIn(state, kept).filter((path) => !removed(context, drill, path, 'kept')),
    ]
    state.remember(left, [...stays, scratch])
    state.remember(kept, [])
  })
  return {
    keep: (path) => {
      isKept = path === scratch
    },
    [Symbol.dispose]: () =>
      remembering(context, (state) => {
        const stays = pathsIn(state, left).filter((path) => isThere(path) && !(isKept && path === scratch))
        state.remember(left, stays)
        if (isKept) state.remember(kept, [scratch])
      }),
  }
}

function removed(context: CommandContext, drill: string, path: string, how: 'left' | 'kept'): boolean {
  try {
    // Where there is none of ours there is nothing to do.
    if (!isScratchOf(drill, path)) return true
    removeScratch(path)
    stderrNote(context, `removed ${path}, which an earlier drill had ${how}`)
    return true
  } catch (error) {
    stderrWarning(context, `${path}, which an earlier drill had ${how}, stays: ${messageOf(error)}`)
    return false
  }
}

function pathsIn(state: State, name: string): string[] {
  const value = state.recall(name)
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  return values.flatMap((path) => (typeof path === 'string' ? path : []))
}
