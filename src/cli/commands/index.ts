/** All commands, in the order in which help lists them. */
import type { CommandModule } from '../program.ts'
import { backupCommand } from './backup.ts'
import { initCommand } from './init.ts'
import { restoreCommand } from './restore.ts'
import { snapshotsCommand } from './snapshots.ts'
import { verifyCommand } from './verify.ts'

export const COMMANDS: readonly CommandModule[] = [
  initCommand,
  backupCommand,
  snapshotsCommand,
  restoreCommand,
  verifyCommand,
]
