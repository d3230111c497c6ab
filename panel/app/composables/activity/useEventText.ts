/** Events in the page's language: by kind where it is translated, in the Brain's words where not. */
import type { EventOut } from '~/api'

const LOOKS: [RegExp, string, string][] = [
  [/failed|crashed|lost|problem|offline|silent/, 'i-lucide-circle-alert', 'text-error'],
  [/\.started|came_online|joined/, 'i-lucide-circle-check', 'text-success'],
  [/destroyed|removed/, 'i-lucide-trash', 'text-muted'],
  [/^template/, 'i-lucide-layers', 'text-muted'],
  [/^node/, 'i-lucide-server', 'text-muted'],
  [/^instance/, 'i-lucide-gamepad-2', 'text-muted'],
  [/^backup/, 'i-lucide-archive', 'text-muted'],
  [/^authority/, 'i-lucide-shield-check', 'text-muted'],
]

const PAGES: Record<string, string> = { instance: '/instances/', node: '/nodes/', template: '/templates/' }

/** The sentence of an event. */
export function useEventTitle() {
  const { t, te, locale } = useI18n()
  const lists = { instance: useInstances().list, node: useNodes().list }

  /** What the subject is called; nodes and instances have ids in events. */
  function nameOf({ data, subject_kind, subject_id }: EventOut): string | undefined {
    if (typeof data.name === 'string') return data.name
    if (subject_kind === 'instance' || subject_kind === 'node') return lists[subject_kind].get(subject_id)?.name
    return subject_id
  }

  return (event: EventOut) => {
    const { kind, data, message } = event
    const key = `events.kinds.${kind}`
    const name = nameOf(event)
    return locale.value === 'en' || !te(key) || name === undefined ? message : t(key, { ...data, name })
  }
}

export function useEventText(event: () => EventOut) {
  const sentence = useEventTitle()
  const title = computed(() => sentence(event()))
  const look = computed(() => {
    const [, icon, tone] = LOOKS.find(([pattern]) => pattern.test(event().kind)) ?? [null, 'i-lucide-dot', 'text-muted']
    return { icon, tone }
  })
  const to = computed(() => {
    const { subject_kind, subject_id, kind } = event()
    const page = PAGES[subject_kind]
    return page && !/removed|destroyed/.test(kind) ? page + (subject_id.split('@')[0] ?? '') : undefined
  })
  return { title, look, to }
}
