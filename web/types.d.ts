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
  /** Whole length in milliseconds. */
  length_ms: number;
  /** Unix time at which it is over; `null` while it is paused. */
  ends_at_ms: number | null;
  /** What is left while it is paused. */
  left_ms: number;
  /** Whether it rings now. */
  ringing: boolean;
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

interface Navigator {
  connection?: EventTarget & { type?: string; effectiveType?: string };
}
