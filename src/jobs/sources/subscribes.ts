/** Whether a dump as SQL would make a subscription of logical replication. Nothing else of it is understood. */

/** At the start of a line, as `pg_dump` writes it; a line of somebody's data that begins so is taken for one. */
const STATEMENT = /\ncreate[ \t]+subscription[ \t]/i
/** What a piece may have of a statement whose rest is in the next. */
const CARRIED_CHARS = 256

export async function subscribes(dump: AsyncIterable<Uint8Array>): Promise<boolean> {
  let carried = '\n'
  for await (const piece of dump) {
    const text = carried + Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString('latin1')
    if (STATEMENT.test(text)) return true
    carried = text.slice(-CARRIED_CHARS)
  }
  return false
}
