/** Which snapshots belong together: those of one source set on one host. */
import { encodeText, toHex } from '../base/bytes.ts'
import { nameBytes } from '../base/names.ts'
import { keyedHash } from '../crypto/blake3.ts'
import { ID_BYTES, type SeriesId, seriesId } from '../model/ids.ts'

const SERIES_LABEL = new TextEncoder().encode('series')
const SEPARATOR = Uint8Array.of(0)

/** The job's name where there is one, else the paths in any order. */
export function seriesOf(
  idKey: Uint8Array,
  host: string,
  source: { job: string } | { paths: readonly string[] },
): SeriesId {
  const parts =
    'job' in source ? [encodeText('job'), encodeText(source.job)] : [...source.paths].sort().map(nameBytes)
  const separated = [encodeText(host), ...parts].flatMap((part) => [part, SEPARATOR])
  return seriesId(toHex(keyedHash(idKey, SERIES_LABEL, ...separated).subarray(0, ID_BYTES)))
}
