WORD = "inside"
