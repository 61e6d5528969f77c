/** The entry of a thread that restores: it opens the target by itself. */
import { createTargetFiles } from '../filesystem/target-files.ts'
import type { RestoreTask, RestoreTaskResult } from './restore-task.ts'
import { RestoreWriter } from './restore-writer.ts'
import { serveTasks } from './task-pool.ts'

export type RestoreSetup = { readonly idKey: Uint8Array; readonly target: string }

serveTasks<RestoreSetup, RestoreTask, RestoreTaskResult>('restore', ({ idKey, target }) => {
  const files = createTargetFiles()
  const writer = new RestoreWriter(files, files.openRoot(target), idKey)
  return (task) => writer.run(task)
})
