"""`python -m srgan_keras VERB`."""

from srgan_keras.cli import entry

entry()
