"""How often whole analyses err on made-up traces of which nothing is wrong, and how often their intervals hold the truth."""
