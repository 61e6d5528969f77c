/** Time and chance as ports, so that tests can decide both. */
export interface Clock {
  /** ms since the epoch. */
  now(): number
}

export interface Random {
  /** Fresh bytes from a cryptographic generator; the caller owns them. */
  bytes(count: number): Uint8Array<ArrayBuffer>
}
