/** A message to a Unix datagram socket, which Node cannot send. */
import { type Libc, loadLibc } from './libc.ts'

/** linux/socket.h; the same on x64 and arm64. */
const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const MSG_NOSIGNAL = 0x4000
const FAMILY_BYTES = 2
/** Of `sun_path`. */
const PATH_BYTES_MAX = 108

/**
 * To the socket at `path`; one that begins with `@` is abstract. Returns whether it was sent: where the platform cannot, or nobody
 * listens, it is not.
 */
export function sendDatagram(path: string, text: string, libc: Libc | undefined = loadLibc()): boolean {
  const address = addressOf(path)
  if (libc === undefined || address === undefined) return false
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (fd < 0) return false
  try {
    const data = Buffer.from(text)
    return libc.sendto(fd, data, data.length, MSG_NOSIGNAL, address, address.length) === data.length
  } finally {
    libc.close(fd)
  }
}

/** A `sockaddr_un` (unix(7)); `undefined` for a path that does not fit. */
function addressOf(path: string): Uint8Array | undefined {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : path)
  if (name.length === 0 || name.length >= PATH_BYTES_MAX) return undefined
  const address = Buffer.alloc(FAMILY_BYTES + name.length)
  address.writeUInt16LE(AF_UNIX)
  name.copy(address, FAMILY_BYTES)
  return address
}
