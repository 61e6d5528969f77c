/**
 * Byte strings: the writer and the reader of every binary layout (little-endian throughout), and small helpers.
 * The reader checks every bound, so decoders of hostile bytes need no checks of their own for length.
 */
import { SnapError } from '../model/errors.ts'
