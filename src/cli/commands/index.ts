/** All commands, in the order in which help lists them. */
import type { CommandModule } from '../program.ts'
import { auditCommand } from './audit.ts'
import { backupCommand } from './backup.ts'
import { completionCommand } from './completion.ts'
import { configCommand } from './config.ts'
import { copyCommand } from './copy.ts'
import { daemonCommand } from './daemon.ts'
import { dbCommand } from './db.ts'
import { drillCommand } from './drill.ts'
import { duCommand } from './du.ts'
import { dumpCommand } from './dump.ts'
import { findCommand } from './find.ts'
import { forgetCommand } from './forget.ts'
import { holdCommand, unholdCommand } from './hold.ts'
import { initCommand } from './init.ts'
import { keyCommand } from './key.ts'
import { logsCommand } from './logs.ts'
import { lsCommand } from './ls.ts'
import { manifestCommand } from './manifest.ts'
import { notifyCommand } from './notify.ts'
import { pruneCommand } from './prune.ts'
import { purgeCommand } from './purge.ts'
import { repairCommand } from './repair.ts'
import { restoreCommand } from './restore.ts'
import { runsCommand } from './runs.ts'
import { scheduleCommand } from './schedule.ts'
import { snapshotsCommand } from './snapshots.ts'
import { statsCommand } from './stats.ts'
import { statusCommand } from './status.ts'
import { tagCommand } from './tag.ts'
import { verifyCommand } from './verify.ts'
import { walCommand } from './wal.ts'

export const COMMANDS: readonly CommandModule[] = [
  initCommand,
  backupCommand,
  snapshotsCommand,
  lsCommand,
  findCommand,
  restoreCommand,
  dumpCommand,
  copyCommand,
  tagCommand,
  holdCommand,
  unholdCommand,
  forgetCommand,
  pruneCommand,
  purgeCommand,
  verifyCommand,
  drillCommand,
  auditCommand,
  repairCommand,
  duCommand,
  statsCommand,
  keyCommand,
  manifestCommand,
  configCommand,
  dbCommand,
  walCommand,
  statusCommand,
  runsCommand,
  logsCommand,
  scheduleCommand,
  daemonCommand,
  completionCommand,
  notifyCommand,
]
