/** Those who want to hear of something, each as long as it lives. */
import { onScopeDispose } from 'vue'

export class Listeners<T extends unknown[]> {
  private readonly all = new Set<(...told: T) => void>()

  /** Until the component (or whatever else it belongs to) is gone. */
  add(listener: (...told: T) => void) {
    this.all.add(listener)
    onScopeDispose(() => this.all.delete(listener))
  }

  tell(...told: T) {
    for (const listener of this.all) listener(...told)
  }
}

/** Told whenever the Brain is heard through the live stream: a heartbeat at the least every 15 seconds. */
export const pulses = new Listeners<[]>()
