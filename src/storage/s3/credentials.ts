/** Who asks an S3 store, as the variables say that all of its tools read. It does not know whether the store takes them. */
import { SnapError } from '../../model/errors.ts'

export type S3Credentials = {
  readonly accessKey: string
  readonly secretKey: string
  readonly sessionToken: string | undefined
}

type Variables = Readonly<Record<string, string | undefined>>

/** An empty variable counts as not set. `USAGE` where one is missing. */
export function s3Credentials(env: Variables): S3Credentials {
  const accessKey = given(env, 'AWS_ACCESS_KEY_ID')
  const secretKey = given(env, 'AWS_SECRET_ACCESS_KEY')
  if (accessKey === undefined || secretKey === undefined) {
    const missing = accessKey === undefined ? 'access key' : 'secret key'
    throw new SnapError('USAGE', `there is no ${missing} for the S3 store`, {
      hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or access-key and secret-key of the repository in snap.yaml.',
    })
  }
  return { accessKey, secretKey, sessionToken: given(env, 'AWS_SESSION_TOKEN') }
}

export function s3Region(env: Variables): string | undefined {
  return given(env, 'AWS_REGION') ?? given(env, 'AWS_DEFAULT_REGION')
}

function given(env: Variables, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name]
}
