// How the page asks for a microphone and listens to it, and what it says where it gets none.
import { addWorklet, listener } from "./audio.js";

const AS_IT_IS = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const INSECURE = "This page may not use a microphone: open JupyterLab at localhost or over https.";

// Ask for the microphone, without what browsers do for telephone calls; on a click only, since they ask their user.
export async function openMicrophone() {
  if (!navigator.mediaDevices) throw new Error(INSECURE);
  return navigator.mediaDevices.getUserMedia({ audio: AS_IT_IS });
}

// The light of the microphone goes out with its last track.
export const closeMicrophone = (stream) => stream.getTracks().forEach((track) => track.stop());

// The node of the worklet `name`, of the module `text`, which hears the microphone in a context of its own: not every
// browser takes a microphone into a context with another rate. Without `sampleRate`, the context has the microphone's.
export async function hearMicrophone(stream, { name, text, sampleRate }, heard) {
  const context = new AudioContext({ latencyHint: "interactive", sampleRate });
  await addWorklet(context, text);
  const node = listener(context.createMediaStreamSource(stream), name, heard);
  await context.resume();
  return node;
}

// What an error of `openMicrophone` means, and what to do before one presses the button again.
export function whyNoMicrophone(error, button) {
  const words = {
    NotAllowedError: `The browser may not use the microphone. Allow it (the sign beside the address), then press ${button}.`,
    NotFoundError: `No microphone was found. Plug one in, then press ${button} again.`,
    NotReadableError: `Another program holds the microphone. Close it there, then press ${button} again.`,
  };
  return words[error.name] ?? error.message;
}
