/** The XML that S3 stores answer with, and no more of XML than they use: elements and text. What is stranger is refused. */
import { SnapError } from '../../model/errors.ts'

export type XmlElement = {
  readonly name: string
  /** Of the element itself, without its children's. */
  readonly text: string
  readonly children: readonly XmlElement[]
}

/** An answer has three levels. */
const DEPTH_MAX = 16
/** A page of a listing has 1,000 objects with some ten elements each. */
const ELEMENTS_MAX = 100_000
/** No place of it can be matched in two ways: a text that does not fit is given up after one look at each character. */
const TOKEN = /<\?[^>]*\?>|<!--[\s\S]*?-->|<(\/?)([A-Za-z_][\w.:-]*)(?:\s[^<>]*?)?(\/?)>|([^<]+)/y
const ENTITY = /&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(lt|gt|amp|quot|apos));|&/g
const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
const CODE_POINT_MAX = 0x10_ffff

/** The root element. `STORAGE_FAILED` where the text is not such XML. */
export function readXml(text: string): XmlElement {
  const root: Open = { name: '', text: '', children: [] }
  const path: Open[] = [root]
  let elements = 0
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.length) {
    const token = TOKEN.exec(text)
    const open = path.at(-1)
    if (token === null || open === undefined) throw unreadable()
    const [, closing, name, empty, content] = token
    if (content !== undefined) open.text += unescaped(content)
    else if (name === undefined) continue
    else if (closing === '/') {
      if (open.name !== name || path.length === 1) throw unreadable()
      path.pop()
    } else {
      elements += 1
      const element: Open = { name, text: '', children: [] }
      open.children.push(element)
      if (empty !== '/') path.push(element)
      if (path.length > DEPTH_MAX || elements > ELEMENTS_MAX) throw unreadable()
    }
  }
  const [only, ...others] = root.children
  if (path.length !== 1 || only === undefined || others.length > 0) throw unreadable()
  return only
}

type Open = { readonly name: string; text: string; readonly children: XmlElement[] }

/** The text of the first child of that name. */
export function childText({ children }: XmlElement, name: string): string | undefined {
  return children.find((child) => child.name === name)?.text
}

function unescaped(text: string): string {
  return text.replace(ENTITY, (entity, decimal?: string, hexadecimal?: string, name?: string) => {
    if (name !== undefined) return NAMED[name] ?? entity
    const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal)
    if (!(code <= CODE_POINT_MAX)) throw unreadable()
    return String.fromCodePoint(code)
  })
}

function unreadable(): SnapError {
  return new SnapError('STORAGE_FAILED', 'the answer is not the XML of an S3 store', {
    hint: 'Check the address: is an S3 store there, or a proxy that answers for it?',
  })
}
