/** A list that changes by id: rows are inserted, replaced and removed; whoever looks is told once per batch. */
import { shallowRef, type ShallowRef } from 'vue'

export class LiveList<T extends { id: string }> {
  /** All rows, in no particular order. A new array after each batch of changes. */
  readonly rows: ShallowRef<readonly T[]> = shallowRef([])
  private readonly byId = new Map<string, T>()
  private depth = 0
  private changed = false

  get(id: string): T | undefined {
    return this.byId.get(id)
  }

  get size(): number {
    return this.byId.size
  }

  /** Insert or replace. */
  put(row: T) {
    this.byId.set(row.id, row)
    this.mark()
  }

  /** Change some fields of a row that is there. False when it is not. */
  patch(id: string, fields: Partial<T>): boolean {
    const row = this.byId.get(id)
    if (!row) return false
    this.put({ ...row, ...fields })
    return true
  }

  remove(id: string) {
    if (this.byId.delete(id)) this.mark()
  }

  /** Exactly these rows from now on. */
  replaceAll(rows: Iterable<T>) {
    this.byId.clear()
    for (const row of rows) this.byId.set(row.id, row)
    this.mark()
  }

  /** Several changes, one notification. */
  batch(change: () => void) {
    this.depth++
    try {
      change()
    } finally {
      this.depth--
      if (this.depth === 0 && this.changed) this.publish()
    }
  }

  private mark() {
    this.changed = true
    if (this.depth === 0) this.publish()
  }

  private publish() {
    this.changed = false
    this.rows.value = [...this.byId.values()]
  }
}
