/** Tells systemd how the daemon does (sd_notify(3)), where it was started by it. */
import { sendDatagram } from '../filesystem/datagram.ts'

export type ServiceManager = {
  /** A line for people that it shows. */
  readonly status: (text: string) => void
  readonly ready: () => void
  readonly reloading: () => void
  readonly stopping: () => void
}

/** `socket`: NOTIFY_SOCKET; without it nobody is told. `monotonicUs`: the time since the machine was started, in microseconds. */
export function serviceManager(socket: string | undefined, monotonicUs: () => bigint): ServiceManager {
  const tell = (...lines: readonly string[]): void => {
    if (socket !== undefined && socket !== '') sendDatagram(socket, lines.join('\n'))
  }
  return {
    status: (text) => tell(`STATUS=${text.replaceAll('\n', ' ')}`),
    ready: () => tell('READY=1'),
    reloading: () => tell('RELOADING=1', `MONOTONIC_USEC=${monotonicUs()}`),
    stopping: () => tell('STOPPING=1'),
  }
}
