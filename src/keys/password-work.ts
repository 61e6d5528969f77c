/** How much Argon2id a password may cost over all slots that it is tried on: whoever can add slots decides what each asks for. */
import { PASSWORD_WORK_BYTES_MAX } from '../model/limits.ts'
import type { SlotHead } from './slot.ts'

export class PasswordWork {
  #bytes = 0

  /** Takes the slot's work (passes times memory) from what is left; `false`, and nothing is taken, where that is less. A key file costs nothing. */
  take(head: SlotHead): boolean {
    if (head.kind !== 'password') return true
    const bytes = head.cost.passes * head.cost.memoryBytes
    if (this.#bytes + bytes > PASSWORD_WORK_BYTES_MAX) return false
    this.#bytes += bytes
    return true
  }
}
