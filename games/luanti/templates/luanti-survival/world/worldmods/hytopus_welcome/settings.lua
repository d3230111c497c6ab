-- Filled in when the instance is prepared.
return {
    greeting = [[${GREETING}]],
    instance = [[${INSTANCE_NAME}]],
}
