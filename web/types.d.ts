// What the server tells, as the app reads it.

interface Entity {
  id: string;
  domain: string;
  name: string;
  area: string | null;
  device: string | null;
  device_class: string | null;
  unit: string | null;
  available: boolean;
  exposed: boolean;
  state: string | null;
  attributes: Record<string, any>;
  features: string[];
}

interface Area {
  id: string;
  name: string;
  floor: string | null;
}

interface Floor {
  id: string;
  name: string;
}

interface Timer {
  id: string;
  name: string | null;
  area: string | null;
  /** What is done when it is over, in words. */
  command: string | null;
  /** Whole length in milliseconds. */
  length_ms: number;
  /** Unix time at which it is over; `null` while it is paused. */
  /** Whether it is for a time of day. */
  by_clock: boolean;
  ends_at_ms: number | null;
  /** What is left while it is paused. */
  left_ms: number;
  /** Whether it rings now. */
  ringing: boolean;
}

interface List {
  id: string;
  name: string;
  items: { text: string; done: boolean }[];
}

interface Changed {
  id: string;
  name: string;
  before: string | null;
  after: string | null;
  confirmed: boolean;
}

interface Turn {
  id: string;
  at_ms: number;
  person: string | null;
  source: string;
  mode: string;
  language: string;
  transcript: string | null;
  spoken: string | null;
  html: string | null;
  outcome: string;
  error_code: string | null;
  changed: Changed[];
  undo: boolean;
  undone: boolean;
  went_wrong: string | null;
}

interface Person {
  id: string;
  name: string;
  role: 'owner' | 'adult' | 'child' | 'guest';
  language: string | null;
  may: string[];
}

/** Somebody of the household, as an owner sees them. */
interface Member {
  id: string;
  name: string;
  role: Person['role'];
  language: string | null;
  created_at_ms: number;
  devices: number;
  passkeys: number;
}

interface Invite {
  id: string;
  name: string | null;
  role: Person['role'];
  expires_at_ms: number;
}

interface Device {
  id: string;
  person: string;
  name: string;
  seen_at_ms: number;
  address: string | null;
  current: boolean;
}

interface Token {
  id: string;
  name: string;
  scopes: string[];
  seen_at_ms: number | null;
  expires_at_ms: number | null;
}

interface AuditEntry {
  id: number;
  at_ms: number;
  name: string;
  action: string;
  detail: any;
  address: string | null;
}

interface Navigator {
  connection?: EventTarget & { type?: string; effectiveType?: string };
}
