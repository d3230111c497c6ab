/** What the doctor finds: where to look, and what the dashboard says of itself anyway. */
import type { FindingOut, Severity } from '~/api'
import type { Tone } from './states'

export const SEVERITIES: Severity[] = ['error', 'warning', 'note']

export const SEVERITY_LOOKS: Record<Severity, { tone: Tone, icon: string }> = {
  error: { tone: 'error', icon: 'i-lucide-circle-x' },
  warning: { tone: 'warning', icon: 'i-lucide-triangle-alert' },
  note: { tone: 'info', icon: 'i-lucide-lightbulb' },
}

const PAGES: Record<string, string> = {
  first_password: '/settings/security',
  many_admins: '/users',
  no_backups: '/backups',
  backup_too_old: '/backups',
  no_room: '/instances?state=requested',
  ca_rotation: '/authority',
  certificate_expires: '/authority',
}
const KINDS: Record<string, string> = { node: '/nodes/', instance: '/instances/' }

/** The page about what was found, if there is one. */
export function findingPage(finding: Pick<FindingOut, 'code' | 'link'>): string | undefined {
  const [kind = '', id = ''] = finding.link.split(':')
  const page = KINDS[kind]
  return page && id ? page + id : PAGES[finding.code]
}

/** The kind and name of a subject: `node oak, the kernel` is a part of the node "oak"; others have no name. */
export function subjectOf(subject: string): { kind: string, name: string, part: string } {
  const [, kind = '', name = '', part = ''] = /^(node|instance|user) (.+?)(?:, (.+))?$/.exec(subject) ?? []
  return kind ? { kind, name, part } : { kind: subject.replaceAll(' ', '_'), name: subject, part: '' }
}

/** Known at once from the live feed; the doctor would only say it again, and later. */
const LIVE = new Set(['node_offline', 'engine_down', 'no_room', 'disk_exceeded'])

/** What somebody must know who does not ask: no notes, and nothing twice. */
export function worstFindings(findings: readonly FindingOut[]): FindingOut[] {
  return findings.filter(each => each.severity !== 'note' && !LIVE.has(each.code))
}
