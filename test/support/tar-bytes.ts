/** Tar archives for tests, made without what reads them. */

export function tarHeader(
  name: string,
  type: 'file' | 'directory' | 'link',
  size: number,
  target = '',
): Uint8Array<ArrayBuffer> {
  const block = Buffer.alloc(512)
  block.write(name, 0)
  block.write(type === 'directory' ? '0000700\0' : '0000600\0', 100)
  if (size < 8 * 1024 ** 3) block.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  else {
    block.writeUInt8(0x80, 124)
    block.writeBigUInt64BE(BigInt(size), 128)
  }
  block.write({ file: '0', link: '2', directory: '5' }[type], 156)
  block.write(target, 157)
  block.write('ustar\x0000', 257)
  block.fill(0x20, 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return new Uint8Array(block)
}

/** Names that end with a slash are directories; whatever is a link is given by its target behind `->`. */
export function tarBytes(members: readonly (readonly [string, string])[]): Uint8Array<ArrayBuffer> {
  const parts = members.flatMap(([name, content]) => {
    if (name.endsWith('/')) return [tarHeader(name, 'directory', 0)]
    const [link, target] = name.split('->')
    if (target !== undefined) return [tarHeader(link!, 'link', 0, target)]
    const bytes = Buffer.from(content)
    return [tarHeader(name, 'file', bytes.length), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]
  })
  return new Uint8Array(Buffer.concat([...parts, Buffer.alloc(1024)]))
}
