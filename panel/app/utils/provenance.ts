/** Where a file of an instance came from, as its node reports it. */

export interface ProvenanceFile {
  id: string
  path: string
  layer: string
  /** The layers that had the file too, and were covered. */
  overrode: string[]
  substituted: boolean
  /** The server has written to it since. */
  changed: boolean
}

export function provenanceFile(raw: Record<string, unknown>): ProvenanceFile {
  const path = String(raw.path ?? '')
  return {
    id: path,
    path,
    layer: String(raw.layer ?? ''),
    overrode: Array.isArray(raw.overrode) ? raw.overrode.map(String) : [],
    substituted: raw.substituted === true,
    changed: raw.changed === true,
  }
}
