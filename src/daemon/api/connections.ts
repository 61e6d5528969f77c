/** Keeps connections that only hold a place from keeping others out. It does not know what is asked over them. */
import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export class Connections {
  readonly #max: number
  readonly #open = new Set<Socket>()
  /** Over which nothing is being answered to anybody who may ask; the longest first. */
  readonly #idle = new Set<Socket>()

  /** Where there are more than `max`, the one that was idle longest is closed. */
  constructor(server: Server, max: number) {
    this.#max = max
    server.on('connection', (socket: Socket) => this.#add(socket))
  }

  /** Its connection is in use until it has ended. */
  use(response: ServerResponse): void {
    const { socket } = response
    if (socket === null) return
    this.#idle.delete(socket)
    response.once('close', () => {
      if (this.#open.has(socket)) this.#idle.add(socket)
    })
  }

  #add(socket: Socket): void {
    this.#open.add(socket)
    this.#idle.add(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      this.#idle.delete(socket)
    })
    if (this.#open.size <= this.#max) return
    const [longest = socket] = this.#idle
    this.#open.delete(longest)
    this.#idle.delete(longest)
    longest.destroy()
  }
}
