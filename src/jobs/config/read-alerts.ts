/** Thresholds of alerts, and objectives, as a configuration has them. */
import { parseDuration } from '../../base/duration.ts'
import { parseSize } from '../../base/sizes.ts'
import { DEFAULT_THRESHOLDS, type Thresholds } from '../alerts/conditions-of.ts'
import type { Objective } from './config.ts'
import type { ConfigReader } from './config-reader.ts'
import type { RawAlerts, RawObjective } from './schema/alerts.ts'

const PERCENT = 100

export function readAlerts(reader: ConfigReader, raw: RawAlerts = {}): Thresholds {
  const { disk, anomaly } = DEFAULT_THRESHOLDS
  const sizeOf = (key: 'free-space' | 'anomaly-size'): number | undefined =>
    reader.optional(['alerts', key], raw[key], (size) => parseSize(String(size)))
  const percent = raw['free-percent']
  return {
    disk: {
      freeShare: percent === undefined ? disk.freeShare : percent / PERCENT,
      freeBytes: sizeOf('free-space') ?? disk.freeBytes,
      daysUntilFull: raw['days-until-full'] ?? disk.daysUntilFull,
    },
    anomaly: {
      ...anomaly,
      factor: raw['anomaly-factor'] ?? anomaly.factor,
      bytes: sizeOf('anomaly-size') ?? anomaly.bytes,
    },
  }
}

/** `categories`: those that there are. */
export function readObjective(
  reader: ConfigReader,
  category: string,
  raw: RawObjective,
  categories: ReadonlySet<string>,
): Objective {
  const path = ['objectives', category]
  if (!categories.has(category)) reader.problem(path, `there is no category "${category}"`)
  const recoveryPointMs = reader.optional([...path, 'recovery-point'], raw['recovery-point'], parseDuration)
  const recoveryTimeMs = reader.optional([...path, 'recovery-time'], raw['recovery-time'], parseDuration)
  if (raw['recovery-point'] === undefined && raw['recovery-time'] === undefined)
    reader.problem(path, 'expected recovery-point or recovery-time')
  return { category, recoveryPointMs, recoveryTimeMs }
}
