/** A repository in `snap.yaml`. */
import { z } from 'zod'
import { secret, text } from './words.ts'

export type RawRepository = {
  path: string
  'key-file'?: string | undefined
  password?: string | undefined
  'password-command'?: string | undefined
  'cache-dir'?: string | undefined
  'access-key'?: string | undefined
  'secret-key'?: string | undefined
  region?: string | undefined
}

export const repository: z.ZodType<RawRepository> = z
  .strictObject({
    path: text('the directory of the repository, or its address: s3:https://HOST/BUCKET/PREFIX'),
    'key-file': text('the key file that opens it').optional(),
    password: secret('the password that opens it').optional(),
    'password-command': text('a command line for the shell, which prints the password').optional(),
    'cache-dir': text('where the local database of this repository is kept').optional(),
    'access-key': text('the access key for the S3 store').optional(),
    'secret-key': secret('the secret key for the S3 store').optional(),
    region: text('the region of the S3 store').optional(),
  })
  .describe('a repository, opened by a key file, a password or the output of a command')
