"""The rules of sending SMS notifications: pure functions and values, no I/O, nothing imported from the other rooms."""
