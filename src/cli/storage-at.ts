/** The storage at a place that the user has named: a directory, or a bucket of an S3 store with what opens that. */
import { existsSync } from 'node:fs'
import type { SecretText } from '../jobs/config/config.ts'
import { messageOf, SnapError } from '../model/errors.ts'
import type { Storage } from '../model/storage.ts'
import { isS3Address } from '../storage/s3/address.ts'
import type { S3Credentials } from '../storage/s3/credentials.ts'
import type { CommandContext } from './context.ts'

/** `path`: as `placeOf` has it. A directory need not be there. */
export async function openStorageAt(context: CommandContext, path: string): Promise<Storage> {
  if (isS3Address(path)) {
    const { openS3 } = await import('../storage/s3/s3.ts')
    return openS3(...(await s3At(context, path)))
  }
  const { openLocalDirectory } = await import('../storage/local-directory.ts')
  return openLocalDirectory(path)
}

/** For a new repository: a directory is made; an S3 store must have the bucket, and is tried. */
export async function createStorageAt(context: CommandContext, path: string): Promise<Storage> {
  if (isS3Address(path)) {
    const { createS3 } = await import('../storage/s3/s3.ts')
    return await createS3(...(await s3At(context, path)))
  }
  const { createLocalDirectory } = await import('../storage/local-directory.ts')
  return await createLocalDirectory(path)
}

/** Whether something may be there; only a storage that is asked knows more. */
export const mayHold = (path: string): boolean => isS3Address(path) || existsSync(path)

async function s3At({ globals, env, signal }: CommandContext, path: string) {
  const { parseS3Address } = await import('../storage/s3/address.ts')
  const { s3Credentials, s3Region } = await import('../storage/s3/credentials.ts')
  const { login, region = s3Region(env) } = globals.store ?? {}
  const address = parseS3Address(path, region)
  const credentials: S3Credentials =
    login === undefined
      ? s3Credentials(env)
      : { accessKey: login.accessKey, secretKey: await secretKeyOf(login.secretKey), sessionToken: undefined }
  return [address, credentials, { signal }] as const
}

async function secretKeyOf(secret: SecretText): Promise<string> {
  if (secret.kind === 'text') return secret.text
  const { readSecret } = await import('../jobs/sources/secret-file.ts')
  try {
    return readSecret(secret.path)
  } catch (cause) {
    throw new SnapError('USAGE', `the secret key for the S3 store: ${messageOf(cause)}`, {
      hint: 'Check the path and its permissions.',
      cause,
    })
  }
}
