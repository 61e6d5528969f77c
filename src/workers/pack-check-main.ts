/** The entry of a thread that checks packs. */
import { PackChecker, type PackCheckResult, type PackCheckTask } from './pack-check.ts'
import { serveTasks } from './task-pool.ts'

serveTasks<{ idKey: Uint8Array }, PackCheckTask, PackCheckResult>('verify', ({ idKey }) => {
  const checker = new PackChecker(idKey)
  return (task) => checker.check(task)
})
