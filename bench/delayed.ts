/** A network with some way to go, between the loopback and a server on it: `node delayed.js PORT`, in a process of its own, prints where it listens. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

const [port = 0, delayMs = 0] = process.argv.slice(2).map(Number)

/** Whatever arrives goes on after the delay; nothing else holds it up. */
function forward(from: Socket, to: Socket): void {
  const later = (act: () => void) => setTimeout(act, delayMs)
  from.on('data', (bytes) => later(() => to.write(bytes)))
  from.on('end', () => later(() => to.end()))
  from.on('error', () => to.destroy())
  from.on('close', () => later(() => to.destroy()))
}

const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
  const far = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true })
  forward(near, far)
  forward(far, near)
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
