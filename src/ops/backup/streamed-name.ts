/** The directory of a snapshot in which a source lies that is no file of the machine. */
export const streamedName = (source: string): string => `@${source}`
