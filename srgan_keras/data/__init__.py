"""Photographs: datasets, reading, field of view, cache, degradations, training pairs."""

from srgan_keras.paths import packaged

# A clone keeps the TFDS builder in its own folder data/: srgan_keras.data.aptos2019_sr is there.
__path__.append(str(packaged("data/aptos2019_sr").parent))
