/** Takes secrets out of texts that are written down or sent on. */

/** `text` with stars in the places of `secrets`, also in the shapes in which protocols and JSON write them. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const shapes = secrets
    .filter((secret) => secret !== '')
    .flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
      Buffer.from(secret).toString('base64'),
    ])
    .sort((a, b) => b.length - a.length)
  return shapes.reduce((rest, shape) => rest.replaceAll(shape, '***'), text)
}
