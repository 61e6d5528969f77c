/**
 * Keeps SQLite's objects from being collected: better-sqlite3 12 compiled with the headers of Node 24.19 to 24.21 (at least)
 * aborts the process in their destructors. `node::ObjectWrap` there takes back a hook of the environment, and a collection that
 * an allocation of compiled code starts has no environment. The hooks of a process or thread that ends destroy what is kept, safely.
 * Source: <https://github.com/nodejs/node/issues/65446>.
 */
const KEPT = Symbol.for('snapkeep.manifest.kept')

/**
 * Reachable from the thread's global object, not from a variable of this module: bundlers drop an array that nothing reads, and a
 * loader may drop the module before its thread ends.
 */
const thread: { [KEPT]?: object[] } = globalThis

/** Returns `value`, which now lives as long as its thread. */
export function kept<T extends object>(value: T): T {
  thread[KEPT] ??= []
  thread[KEPT].push(value)
  return value
}
