/** Addresses that are told of a job, and the file of its figures, as a configuration has them. */
import type { Metrics, Ping, PingAddress, PingMoment } from './channel.ts'
import type { ConfigReader } from './config-reader.ts'
import { readPingAddress } from './read-channel.ts'
import type { RawMetrics, RawPing } from './schema/notifications.ts'
import type { ConfigPath } from './yaml-text.ts'

/** Behind one address for all, as healthchecks.io has it. */
const SUFFIXES: Readonly<Record<PingMoment, string>> = { start: '/start', success: '', fail: '/fail' }

/** `path`: of the ping. */
export function readPing(reader: ConfigReader, path: ConfigPath, raw: RawPing): Ping {
  if (typeof raw === 'string') {
    const url = readPingAddress(reader, path, raw)
    const of = (moment: PingMoment): PingAddress => ({ url, suffix: SUFFIXES[moment] })
    return { start: of('start'), success: of('success'), fail: of('fail') }
  }
  const of = (moment: PingMoment): PingAddress | undefined => {
    const text = raw[moment]
    return text === undefined
      ? undefined
      : { url: readPingAddress(reader, [...path, moment], text), suffix: '' }
  }
  const ping = { start: of('start'), success: of('success'), fail: of('fail') }
  if (Object.values(ping).every((address) => address === undefined))
    reader.problem(path, 'expected an address, or one of start, success, fail')
  return ping
}

export function readMetrics(reader: ConfigReader, { textfile }: RawMetrics = {}): Metrics {
  if (textfile !== undefined && !textfile.endsWith('.prom'))
    reader.problem(
      ['metrics', 'textfile'],
      'expected a name that ends in .prom: node_exporter reads no others',
    )
  return { textfile: textfile === undefined ? undefined : reader.absolute(textfile) }
}
