"""What a reader is shown: one trace as a digest, or many at a glance. Text for people and models, of traces linked beforehand."""
