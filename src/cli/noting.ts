/** Notes an operation in the repository's log, in the name of this user on this machine with this program. */
import { stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Intent, Outcome } from '../ops/audit/note.ts'
import type { Repository } from '../repository/repository.ts'
import { isS3Address } from '../storage/s3/address.ts'
import type { CommandContext } from './context.ts'
import { stderrWarning } from './output/notes.ts'
import { placeOf } from './repository.ts'
import { userName } from './user-name.ts'

const ROOT = 0

/** The result of `operate`, or its error; a note that could not be written is a warning, with `instead` in it. */
export async function noting<T>(
  context: CommandContext,
  repository: Repository,
  intent: Omit<Intent, 'doer'>,
  operate: () => Promise<T>,
  outcomeOf: (result: T) => Outcome,
  instead = '',
): Promise<T> {
  if (await belongsToAnother(placeOf(context).path)) {
    try {
      return await operate()
    } finally {
      stderrWarning(context, `not noted in the audit trail: the repository belongs to another user${instead}`)
    }
  }
  const { noted } = await import('../ops/audit/note.ts')
  const program = { name: 'snap', version: context.version }
  const doer = { hostname: hostname(), username: userName(), program }
  const notNoted = (reason: string): void =>
    stderrWarning(context, `not noted in the audit trail: ${reason}${instead}`)
  return noted(repository, { ...intent, doer }, { notNoted }, operate, outcomeOf)
}

/** Objects are their owner's alone: a note of somebody else would keep the owner out. What root makes belongs to the owner. */
async function belongsToAnother(path: string): Promise<boolean> {
  if (isS3Address(path)) return false
  const user = process.geteuid?.()
  if (user === undefined || user === ROOT) return false
  const config = await stat(join(path, 'config')).catch(() => undefined)
  return config !== undefined && config.uid !== user
}
