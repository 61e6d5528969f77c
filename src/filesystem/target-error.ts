/**
 * Failed calls on the restore target as `SnapError`s: what is full, what is unsafe, what is merely refused.
 */
import { messageOf, SnapError } from '../model/errors.ts'
import { systemCode } from './system-error.ts'

/** Errors that are not a system call's pass through. */
export function targetError(error: unknown, path: string): unknown {
  const code = systemCode(error)
  const cause = error
  switch (code) {
    case '':
      return error
    case 'ENOSPC':
    case 'EDQUOT':
      return new SnapError('TARGET_FULL', `no space or quota is left for ${path}`, {
        hint: 'Free some space on the target, then restore again: what is there already is kept.',
        cause,
      })
    case 'ELOOP':
      return linkInTheWay(path, cause)
    case 'ENOSYS':
      return new SnapError('PLATFORM_LACKS', `this platform cannot make ${path}`, { cause })
    default:
      return new SnapError('TARGET_UNWRITABLE', `cannot write ${path}: ${messageOf(error)}`, {
        hint: 'Check the target and its permissions, or restore to another place with --target.',
        cause,
      })
  }
}

export function linkInTheWay(path: string, cause?: unknown): SnapError {
  return new SnapError('TARGET_UNSAFE', `${path} is a symbolic link where the snapshot has none`, {
    hint: 'Nothing is written through a link. Remove it, or restore into an empty directory.',
    ...(cause === undefined ? {} : { cause }),
  })
}

/** `name` as a single component that leads nowhere else. */
export function checkName(name: string, path: string): void {
  const leads = name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')
  if (leads || (process.platform === 'win32' && /[\\:]/.test(name))) {
    throw new SnapError('TARGET_UNSAFE', `${JSON.stringify(name)} is no name for an entry of ${path}`)
  }
}
