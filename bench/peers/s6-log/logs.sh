# A logger for each program, as s6 runs them: s6-log, with the time in front of each line, and no rotation.
for name in w0 w1 w2 w3; do
    @LOAD@ lines $name --count @COUNT@ --directory @SIGNALS@ | @S6_LOG@ T s268435455 @LOGS@/$name &
done
wait
