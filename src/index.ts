/** The library: what the command line is made of, for programs that back up by themselves. */

export { systemRandom } from './crypto/random.ts'
export { createIgnoreRules, type Rules } from './filesystem/ignore-rules.ts'
export { createSourceFiles } from './filesystem/source-files.ts'
export { createTargetFiles } from './filesystem/target-files.ts'
export { decodeKeyFile, encodeKeyFile, type KeyFile } from './keys/key-file.ts'
export type { SlotSecret } from './keys/slot.ts'
export type { Clock, Random } from './model/clock.ts'
export { ERROR_CODES, type ErrorCode, hasCode, SnapError } from './model/errors.ts'
export type { ProgressEvent, ProgressListener } from './model/progress.ts'
export type { ByteRange, ObjectKey, ObjectStat, Storage } from './model/storage.ts'
export { type AuditReport, audit } from './ops/audit/audit.ts'
export { backup } from './ops/backup/backup.ts'
export type { BackupPorts, BackupRequest, BackupResult } from './ops/backup/request.ts'
export type { BackupSummary, UnreadablePath } from './ops/backup/summary.ts'
export type { WalkOptions } from './ops/backup/walk.ts'
export { forgetByIds, forgetByPolicy } from './ops/forget/forget.ts'
export type { ForgetPlan, ForgetRequest } from './ops/forget/plan-forget.ts'
export type { RetentionPolicy } from './ops/forget/policy.ts'
export { undoForget } from './ops/forget/undo.ts'
export { type PrunePorts, type PruneRequest, prune } from './ops/prune/prune.ts'
export type { PruneReport } from './ops/prune/report.ts'
export { type RepairReport, repair } from './ops/repair/repair.ts'
export type { OverwritePolicy } from './ops/restore/decide.ts'
export type { RestoreFailure, RestoreReport } from './ops/restore/report.ts'
export {
  type RestorePorts,
  type RestoreRequest,
  restore,
} from './ops/restore/restore.ts'
export { selectPaths } from './ops/restore/select-paths.ts'
export type { SelectedPath } from './ops/restore/selection.ts'
export type { VerifyReport } from './ops/verify/report.ts'
export { type VerifyPorts, type VerifyRequest, verify } from './ops/verify/verify.ts'
export {
  createRepository,
  type InitRequest,
  openRepository,
  type RepositoryPorts,
} from './repository/open-repository.ts'
export type { Repository } from './repository/repository.ts'
export { counting } from './storage/counting.ts'
export { createLocalDirectory, openLocalDirectory } from './storage/local-directory.ts'
export { createMemoryStorage } from './storage/memory.ts'
export { readOnly } from './storage/read-only.ts'
export { retrying } from './storage/retrying.ts'
export { parseS3Address, type S3Address } from './storage/s3/address.ts'
export type { S3Credentials } from './storage/s3/credentials.ts'
export { createS3, openS3 } from './storage/s3/s3.ts'
export { createInThreadExecutor } from './workers/in-thread.ts'
export { createInThreadPool, createThreadPool, type TaskPool } from './workers/task-pool.ts'
export { createThreadsExecutor } from './workers/threads.ts'
