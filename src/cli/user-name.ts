/** Who runs this program, as the system calls them. */
import { userInfo } from 'node:os'

/** A user whom the system has no entry for, as in a container, has a number only. */
export function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? '')
  }
}
