// @ts-check
// Keeps the screen on while somebody speaks with the house.

/** @type {WakeLockSentinel | null} */
let lock = null;
let wanted = false;

export function hold() {
  wanted = true;
  void ask();
}

export function letGo() {
  wanted = false;
  void lock?.release().catch(() => {});
  lock = null;
}

async function ask() {
  if (!wanted || lock || document.hidden || !navigator.wakeLock) return;
  try {
    const taken = await navigator.wakeLock.request('screen');
    taken.addEventListener('release', () => {
      if (lock === taken) lock = null;
    });
    if (wanted) lock = taken;
    else await taken.release();
  } catch {
    // The battery is low, or the browser does not allow it: the screen may then go dark.
  }
}

// The browser takes the lock away with the page's visibility.
document.addEventListener('visibilitychange', () => void ask());
