import json

text = "{"
json.loads(text)  # HERE
