/** One line for each entry that a restore decides on: for people, and for programs as restic has it. */
import type { RestoreAction } from '../../ops/restore/report.ts'
import { jsonLine } from '../output/json-lines.ts'
import { jsonPath, safeText } from '../output/safe-text.ts'

const ACTION_COLUMNS = 10

/** restic's words, and `kept`, which it has none for. */
const JSON_ACTIONS: Readonly<Record<RestoreAction, string>> = {
  create: 'restored',
  replace: 'updated',
  unchanged: 'unchanged',
  keep: 'kept',
  delete: 'deleted',
}

/** `bytes`: size of the entry in the snapshot, where it has one. */
export function renderRestoreAction(
  path: string,
  action: RestoreAction,
  bytes: number | undefined,
  json: boolean,
): string {
  if (!json) return `${action.padEnd(ACTION_COLUMNS)} ${safeText(path)}\n`
  const { path: item, path_b64 } = jsonPath(path)
  return jsonLine({
    message_type: 'verbose_status',
    action: JSON_ACTIONS[action],
    item,
    ...(path_b64 === undefined ? {} : { item_b64: path_b64 }),
    ...(bytes === undefined ? {} : { size: bytes }),
  })
}
