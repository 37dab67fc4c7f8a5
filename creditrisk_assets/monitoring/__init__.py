"""Is the model still right, do the rules agree: drift, calibration, performance under label delay, alerts."""
