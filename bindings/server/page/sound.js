// The sound of a wait that becomes critical. Made here, so there is no file to load.

let context = null;

function awake() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume();
  return context;
}

/** Browsers allow sound only after a click or a key, so switching it on plays it once. */
export function play() {
  const audio = awake();
  const start = audio.currentTime;
  for (const [delay, frequency] of [[0, 660], [0.18, 880]]) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.0001, start + delay);
    volume.gain.exponentialRampToValueAtTime(0.2, start + delay + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + delay + 0.16);
    tone.connect(volume).connect(audio.destination);
    tone.start(start + delay);
    tone.stop(start + delay + 0.17);
  }
}
