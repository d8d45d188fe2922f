"""TensorFlow Datasets builder `aptos2019_sr`."""
